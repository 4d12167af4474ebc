-- Takes a turn out of its queue for good.
-- KEYS queue      ARGV group id
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])
