-- Keeps the entries of lists for some time from now, whatever becomes of the names that point to them.
-- KEYS entries...      ARGV seconds [content of all of them]
local until_s = tonumber(redis.call('TIME')[1]) + tonumber(ARGV[1])
for _, key in ipairs(KEYS) do
  if ARGV[2] then redis.call('HSETNX', key, 'content', ARGV[2]) end
  if redis.call('EXISTS', key) == 1 then
    local now = redis.call('HMGET', key, 'keep_until', 'names')
    local keep_until = math.max(until_s, tonumber(now[1] or 0))
    redis.call('HSET', key, 'keep_until', keep_until)
    if tonumber(now[2] or 0) < 1 then redis.call('EXPIREAT', key, keep_until) end
  end
end
return 'ok'
