-- Forgets the consumers of a group that hold nothing and have been silent for long: processes that are gone.
-- KEYS queue      ARGV group silent_ms      reply how many
local gone = 0
for _, described in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #described, 2 do consumer[described[i]] = described[i + 1] end
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    gone = gone + 1
  end
end
return gone
