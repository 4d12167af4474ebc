-- Resets the idle time of turns that this consumer still holds; never takes back one that was given away.
-- KEYS queue      ARGV group consumer id...      reply ids still held
local held = {}
for _, entry in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 10000, ARGV[2])) do held[entry[1]] = true end
local ids, claim = {}, {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0}
for i = 3, #ARGV do
  if held[ARGV[i]] then
    table.insert(ids, ARGV[i])
    table.insert(claim, ARGV[i])
  end
end
table.insert(claim, 'JUSTID')
-- `unpack` gives all its values only as the last argument
if #ids > 0 then redis.call(unpack(claim)) end
return ids
