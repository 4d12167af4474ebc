-- Takes the session's only place for a partial turn.
-- KEYS state      ARGV owner utterance stale_ms      reply status
local now = redis.call('HMGET', KEYS[1], 'owner', 'ended', 'partial_at')
if not now[1] then return 'gone' end
if now[1] ~= ARGV[1] then return 'taken' end
if tonumber(now[2]) > tonumber(ARGV[2]) then return 'ended' end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if now[3] and now_ms - tonumber(now[3]) < tonumber(ARGV[3]) then return 'busy' end
redis.call('HSET', KEYS[1], 'partial_at', string.format('%d', now_ms))
return 'ok'
