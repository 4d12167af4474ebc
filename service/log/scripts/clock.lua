-- KEYS any      reply {seconds, microseconds} of the server that holds it
return redis.call('TIME')
