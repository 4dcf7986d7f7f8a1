"""StoreHaus against other ways to PostgreSQL, on one server, on one table, in turns.

`make bench` measures everything, `make bench-quick` a little of everything. Every contender is
written as its own documentation recommends, and must give the same rows as the others before
anything is measured. Ratios are *rate of the contender ÷ rate of the raw asyncpg pool*.
"""
