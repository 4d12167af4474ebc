-- Publishes a partial under the lease and replaces the one before it in the event log.
-- KEYS state events      ARGV token utterance agreement event_json
-- reply status
local now = redis.call('HMGET', KEYS[1], 'lease:partial', 'ended', 'last_partial')
if not now[2] then return 'gone' end
if now[1] ~= ARGV[1] then return 'stale' end
redis.call('HDEL', KEYS[1], 'lease:partial', 'partial_at')
-- the utterance has ended: its final may already be decoding with the committed words as they were
if tonumber(ARGV[2]) < tonumber(now[2]) then return 'done' end
redis.call('HSET', KEYS[1], 'agreement', ARGV[3], 'agreement_of', ARGV[2])
if ARGV[4] ~= '' then
  if now[3] then redis.call('XDEL', KEYS[2], now[3] .. '-0') end
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  redis.call('XADD', KEYS[2], seq .. '-0', 'event', ARGV[4])
  redis.call('HSET', KEYS[1], 'last_partial', seq)
end
return 'ok'
