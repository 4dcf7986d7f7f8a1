"""The operations that must be one step for everybody else, as scripts that Redis runs.

Of the transactions that announced a write of something the pending HASH keeps first and last,
as `first-last@milliseconds`: those between them are taken for open too while they are, and however
many there are, a field stays small. Before `over` all have ended, as the writer's snapshot knows.

They run on Redis from 6.2 on and on Valkey. All keys come in KEYS; `ARGV[1]` is the length of what
stands before a name, which the fields of the pending HASH leave out.
"""

from hashlib import sha1
from typing import Final

from msgspec import Struct

__all__ = ["FILL", "INTEND", "OPEN", "RELEASE", "SWEEP", "WARM", "Script"]


class Script(Struct, frozen=True):
    """A script.

    Attributes:
        text: Its source.
        digest: What Redis calls it.
    """

    text: bytes
    digest: bytes


def _script(text: str) -> Script:
    # SHA-1 is what EVALSHA goes by.
    digest = sha1(text.encode()).hexdigest()  # noqa: S324 - see above
    return Script(text.encode(), digest.encode())


_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# Without a HASH nobody knows which announcements were lost with it, so it begins anew.
_BOOT: Final = """
local boot = redis.call('HGET', KEYS[1], 'boot')
if not boot then
  boot = string.format('%.0f', now)
  redis.call('HSET', KEYS[1], 'boot', boot)
  redis.call('PEXPIRE', KEYS[1], 86400000)
end
"""

# KEYS: pending, entry, lease, tags …
# ARGV: cut, token, lease ms, tag ms, window ms, fingerprint, a generation per tag …
# {1, value} hit; {0, ms} wait; {3} cold; {2, boot, generations, field, noted, …} lease
OPEN = _script(
    _NOW
    + """
local cut = ARGV[1] + 1
local count = #KEYS - 3
local generations = ''
local fields = {string.sub(KEYS[2], cut)}
for i = 1, count do
  local generation = redis.call('GET', KEYS[3 + i])
  if not generation then
    generation = ARGV[6 + i]
    redis.call('SET', KEYS[3 + i], generation, 'PX', ARGV[4])
  end
  generations = generations .. generation
  fields[i + 1] = string.sub(KEYS[3 + i], cut)
end
local value = redis.call('GET', KEYS[2])
if value and string.sub(value, 4, 11) == ARGV[6] and string.byte(value, 12) == count
    and string.sub(value, 13, 12 + 8 * count) == generations then
  return {1, value}
end
"""
    + _BOOT
    + """
if now - boot < tonumber(ARGV[5]) then return {3} end
local answer = {2, boot, generations}
local noted = redis.call('HMGET', KEYS[1], unpack(fields))
for i = 1, #fields do
  if noted[i] then
    answer[#answer + 1] = fields[i]
    answer[#answer + 1] = noted[i]
  end
end
local left = redis.call('PTTL', KEYS[3])
if left ~= -2 then return {0, left} end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
return answer
"""
)

# A write that only bumps tags leaves the lease alone. What was read before it must not count as
# stored, though nobody could use it: whoever joined the read since then would take it for fresh.
# KEYS: pending, entry, lease, tags …
# ARGV: cut, token, boot, generations, value, ttl ms, tag ms, field, noted, …
FILL = _script("""
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[3])
if redis.call('HGET', KEYS[1], 'boot') ~= ARGV[3] then return 0 end
for i = 4, #KEYS do
  local start = 8 * (i - 4)
  if redis.call('GET', KEYS[i]) ~= string.sub(ARGV[4], start + 1, start + 8) then return 0 end
end
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
for i = 4, #KEYS do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[7]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[7])
  end
end
for i = 8, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return 1
""")

# KEYS: lease; ARGV: token
RELEASE = _script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")

# KEYS: pending, entry, lease, entry, lease, …, tags …
# ARGV: cut, transaction or '', horizon ms, tag ms, generation, number of entries, over
INTEND = _script(
    _NOW
    + _BOOT
    + """
local cut = ARGV[1] + 1
local horizon = now - ARGV[3]
local transaction, over = tonumber(ARGV[2]), tonumber(ARGV[7])
local stamp = string.format('@%.0f', now)
local function note(key)
  if not transaction then return end
  local field = string.sub(key, cut)
  local first, last = transaction, transaction
  local noted = redis.call('HGET', KEYS[1], field)
  if noted then
    local low, high, at = string.match(noted, '^(%d+)-(%d+)@(%d+)$')
    low, high = tonumber(low), tonumber(high)
    if tonumber(at) >= horizon and high >= over then
      first = math.min(first, math.max(low, over))
      last = math.max(last, high)
    end
  end
  redis.call('HSET', KEYS[1], field, string.format('%.0f-%.0f', first, last) .. stamp)
end
local last = 1 + 2 * ARGV[6]
for i = 2, last, 2 do
  redis.call('DEL', KEYS[i], KEYS[i + 1])
  note(KEYS[i])
end
for i = last + 1, #KEYS do
  redis.call('SET', KEYS[i], ARGV[5], 'PX', ARGV[4])
  note(KEYS[i])
end
return 1
"""
)

# KEYS: pending; ARGV: window ms
WARM = _script(_NOW + _BOOT + "return math.max(0, boot + ARGV[1] - now)")

# KEYS: pending; ARGV: horizon ms, cursor, count
SWEEP = _script(
    _NOW
    + """
if redis.call('PEXPIRE', KEYS[1], 86400000) == 0 then return '0' end
local horizon = now - ARGV[1]
local found = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
for i = 1, #found[2], 2 do
  local is_old = found[2][i] ~= 'boot'
  for at in string.gmatch(found[2][i + 1], '@(%d+)') do
    if tonumber(at) >= horizon then is_old = false end
  end
  if is_old then redis.call('HDEL', KEYS[1], found[2][i]) end
end
return found[1]
"""
)
