-- Brings a tenant's counters up to what a stream or recording has used by now. The account remembers what is counted,
-- so this may be done any number of times, by anybody. Closing gives back what was granted and not used.
-- KEYS account usage allowance
-- ARGV hour kind month closing usage_ttl_s account_ttl_s samples finals words      reply status
local now = redis.call('HMGET', KEYS[1], 'samples', 'finals', 'words', 'granted', 'month')
local hour, kind = ARGV[1], ARGV[2]
local function count(name, amount)
  if amount > 0 then redis.call('HINCRBY', KEYS[2], hour .. ':' .. name, amount) end
end
if redis.call('HSETNX', KEYS[1], 'kind', kind) == 1 then
  count(kind == 'live' and 'streams' or 'recordings', 1)
end
local samples = math.max(tonumber(ARGV[7]), tonumber(now[1] or 0))
local finals = math.max(tonumber(ARGV[8]), tonumber(now[2] or 0))
local words = math.max(tonumber(ARGV[9]), tonumber(now[3] or 0))
count(kind .. '_samples', samples - tonumber(now[1] or 0))
count('finals', finals - tonumber(now[2] or 0))
count('words', words - tonumber(now[3] or 0))
redis.call('EXPIRE', KEYS[2], ARGV[5])

local granted = tonumber(now[4] or 0)
local owed = samples - granted
if owed > 0 or (owed < 0 and ARGV[4] == '1') then
  redis.call('HINCRBY', KEYS[3], now[5] or ARGV[3], owed)
  granted = samples
end
redis.call('HSET', KEYS[1], 'samples', samples, 'finals', finals, 'words', words, 'granted', granted)
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 'ok'
