-- The age in ms of a queue's first entry, by the server's clock; 0 when it is empty.
-- KEYS queue      reply age_ms
local entry = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not entry then return 0 end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return math.max(0, now_ms - tonumber(string.match(entry[1], '^%d+')))
