-- Resets the idle time of the turns that this consumer still holds; never takes back one that was given away.
-- KEYS queue      ARGV group consumer limit      reply ids still held
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3], ARGV[2])
local ids = {}
for _, entry in ipairs(pending) do table.insert(ids, entry[1]) end
if #ids > 0 then
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids), 'JUSTID')
end
return ids
