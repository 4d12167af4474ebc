-- A client came back: its new connection becomes the owner, the old one cannot append any more.
-- KEYS state audio events      ARGV token_hash owner wake ttl_s tenant
-- reply {status} or {status, seq of `resumed`, field, value, ...} with the whole state as it was
local token = redis.call('HGET', KEYS[1], 'token')
-- another tenant's session is as unknown as one that never was
if not token or redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[5] then return {'gone'} end
if token ~= ARGV[1] then return {'forbidden'} end
local reply = redis.call('HGETALL', KEYS[1])
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'wake', ARGV[3])
redis.call('HDEL', KEYS[1], 'partial_at')
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local bytes = redis.call('HGET', KEYS[1], 'bytes')
redis.call('XADD', KEYS[3], seq .. '-0', 'event', '{"type":"resumed","bytes":' .. bytes .. '}')
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[4]) end
table.insert(reply, 1, seq)
table.insert(reply, 1, 'ok')
return reply
