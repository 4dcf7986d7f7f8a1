"""The process that owns one embedded PostgreSQL for as long as anybody holds a lease on it.

It runs as `python -I -S`, outside of the package `storehaus`, so that neither site-packages nor the
imports of the parent package delay a start: modules here import the standard library and each
other, relatively, and nothing else.
"""
