-- Claims waiting turns, finals before partials before bulk.
-- KEYS final partial bulk
-- ARGV group consumer wanted bulk_wanted      (bulk_wanted: turns of bulk to take even when live turns fill `wanted`)
-- reply {now_ms, {queue_index, id, fields}, ...}
local time = redis.call('TIME')
local reply = { tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) }
local wanted = tonumber(ARGV[3])
for i = 1, 3 do
  local count = wanted
  if i == 3 then count = math.max(wanted, tonumber(ARGV[4])) end
  if count > 0 then
    local got = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count, 'STREAMS', KEYS[i], '>')
    if got then
      for _, entry in ipairs(got[1][2]) do
        table.insert(reply, { i, entry[1], entry[2] })
        wanted = wanted - 1
      end
    end
  end
end
return reply
