-- KEYS[1] session, KEYS[2] the key it has afterwards (the same for an update); ARGV idle ms, expected version or '', payload.
-- Answers the new version, 0 when the session is gone, -1 when its version is not the expected one.
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local version, deadline = string.match(value, '^(%d+) (%d+) ')
if not version then return redis.error_reply('CORRUPT not a session of ours') end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if deadline - now < 1 then return 0 end
if ARGV[2] ~= '' and ARGV[2] ~= version then return -1 end

local moves = KEYS[1] ~= KEYS[2]
if moves and redis.call('EXISTS', KEYS[2]) == 1 then return redis.error_reply('CORRUPT the new key is taken') end
-- At a moment, and not after a while: Redis would count the while from another reading of its clock, and a session that is gone for
-- a write could still be read.
local expiry = math.min(now + ARGV[1], deadline - 1)
local value = string.format('%d %s ', version + 1, deadline) .. ARGV[3]
redis.call('SET', KEYS[2], value, 'PXAT', string.format('%d', expiry))
if moves then redis.call('DEL', KEYS[1]) end
return version + 1
