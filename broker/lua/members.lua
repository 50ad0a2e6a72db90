-- KEYS who   ARGV how many at most   Returns how many there are, then client and connections, …; any of them if there are more.
local result
if redis.call('HLEN', KEYS[1]) <= tonumber(ARGV[1]) then
  result = redis.call('HGETALL', KEYS[1])
else
  result = redis.call('HSCAN', KEYS[1], '0', 'COUNT', ARGV[1])[2]
end
table.insert(result, 1, redis.call('HLEN', KEYS[1]))
return result
