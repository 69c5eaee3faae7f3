-- KEYS[1] session; ARGV idle ms, absolute ms, payload. Answers 1, or 0 when the key is taken.
local time = redis.call('TIME')
local deadline = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
local expiry = math.min(tonumber(ARGV[1]), tonumber(ARGV[2]))
local value = string.format('1 %d ', deadline) .. ARGV[3]
return redis.call('SET', KEYS[1], value, 'NX', 'PX', expiry) and 1 or 0
