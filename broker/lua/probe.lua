-- Shows that this server takes writes, and that what is pushed here comes back.
-- KEYS a key of the instance   ARGV channel, PUBLISH or SPUBLISH, the word to come back
redis.call('SET', KEYS[1], ARGV[3], 'PX', 60000)
return redis.call(ARGV[2], ARGV[1], ARGV[3])
