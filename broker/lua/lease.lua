-- Renews an instance's lease, and says whose leases have run out.
--
-- KEYS leases, a sorted set by the millisecond of their end; dead, a set of leases that are to be cleared
-- ARGV lease, milliseconds, '1' if the lease is new, '1' if the caller may say that others are dead
-- Returns 'lost' if the lease is there no more: it takes a new one. Otherwise 'kept', or 'late' if it had nearly run out, and then the dead.
-- Who was late himself declares nobody dead: it may well be this server that was away. Nearly, because after a pause of the server
-- that was a little shorter than a lease, some have run out and some have not, and whoever is first must not be the others' judge.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score and ARGV[3] ~= '1' then return {'lost'} end
local late = score and tonumber(score) - now < tonumber(ARGV[2]) / 3
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
if late then return {'late'} end
if ARGV[4] == '1' and score then
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now))) do
    redis.call('ZREM', KEYS[1], lease)
    redis.call('SADD', KEYS[2], lease)
  end
end
local result = redis.call('SMEMBERS', KEYS[2])
table.insert(result, 1, 'kept')
return result
