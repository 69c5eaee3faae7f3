-- KEYS[1] session; ARGV idle ms, absolute ms, payload. Answers 1, or 0 when the key is taken.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local deadline = now + ARGV[2]
-- Redis keeps a key in the millisecond of its expiry, and a session is gone in that of its deadline.
local expiry = math.min(now + ARGV[1], deadline - 1)
local value = string.format('1 %d ', deadline) .. ARGV[3]
return redis.call('SET', KEYS[1], value, 'NX', 'PXAT', string.format('%d', expiry)) and 1 or 0
