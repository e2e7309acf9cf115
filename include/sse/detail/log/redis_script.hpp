// SPDX-License-Identifier: MIT
// The script by which a RedisLog appends a batch: the server runs it whole or not at all, and gives each event its
// place.

#pragma once

#include <string_view>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Keys: the stream; the origin's, with the number of its last batch, the count of its events so far and the last one's
/// id; the stream of the transient events. Arguments: the batch's number; the count of this origin's events that were
/// acknowledged before; the lifetime of the origin's key; the events to keep; a number of ms to add where the clock is
/// behind; then five for each event: e (an event), m (a message), or E and M for transient ones; type, topic, key,
/// data.
///
/// An entry's first field is `sse`. Where it is `l`, the entry stands for events that the server has lost after it had
/// acknowledged them: `data` has their count, and the entry has the `n` of the last of them.
///
/// A transient event has the number `after` of the event before it, and an ordinal of its own, dense. The first field
/// of an event that follows transient ones has the ordinal of the last of them, as in `e17`: a reply of XREAD that
/// waited has entries of one stream only, and so a reader knows that the other one has some that come first.
///
/// The answer: the id of the origin's last event (nothing, if the server knows of none), a space, and the count of its
/// events.
inline constexpr std::string_view redis_append_script =
    R"lua(local stream, origin, transients = KEYS[1], KEYS[2], KEYS[3]
local number, acknowledged = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('GET', origin)
local last, count, place = 0, acknowledged, ''
if stored then
  last, count, place = string.match(stored, '^(%d+) (%d+) (%S*)$')
  last, count = tonumber(last), tonumber(count)
end
local lost = acknowledged - count
local function answer() return place .. ' ' .. string.format('%.0f', count) end
if lost <= 0 and number <= last then return answer() end

-- The newest entry of ours: others may have added entries of their own.
local ms, n = 0, 0
local limit = 1
while true do
  local entries = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', limit)
  for _, entry in ipairs(entries) do
    if entry[2][1] == 'sse' then
      ms, n = string.match(entry[1], '^(%d+)-(%d+)$')
      ms, n = tonumber(ms), tonumber(n)
      break
    end
  end
  if n > 0 or #entries < limit then break end
  if limit > 1000 then return redis.error_reply('FOREIGN the newest 1000 entries of the stream are of another application') end
  limit = limit * 32
end
if ms >= 9007199254740992 or n >= 9007199254740992 then return redis.error_reply('FOREIGN an id of the stream is beyond 2^53') end
local time = redis.call('TIME')
ms = math.max(tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), ms + tonumber(ARGV[5]))

local newest = redis.pcall('XREVRANGE', transients, '+', '-', 'COUNT', 1)
if newest.err then return newest end
local ordinal, told = 0, 0
if newest[1] then
  local fields = newest[1][2]
  ordinal = tonumber(fields[6]) or 0
  if tonumber(fields[4]) ~= n then told = ordinal end
end

local function add(call, flag, type, topic, key, data)
  if flag == 'E' or flag == 'M' then
    return redis[call]('XADD', transients, 'MAXLEN', '~', 1000, '*', 'sse', flag, 'after', string.format('%.0f', n), 'ordinal', string.format('%.0f', ordinal), 'type', type, 'topic', topic, 'key', key, 'data', data)
  end
  if flag ~= 'l' and ordinal > told then flag = flag .. string.format('%.0f', ordinal) end
  place = string.format('%.0f-%.0f', ms, n)
  return redis[call]('XADD', stream, 'MAXLEN', '~', ARGV[4], place, 'sse', flag, 'type', type, 'topic', topic, 'key', key, 'data', data)
end
-- The first one shows whether the id is above all that the stream has ever had, deleted and foreign entries among them.
local function add_first(...)
  local added = add('pcall', ...)
  if type(added) ~= 'table' or not added.err or not string.find(added.err, 'equal or smaller', 1, true) then return added end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then ms = tonumber(string.match(info[i + 1], '^%d+')) + 1 end
  end
  if ms >= 9007199254740992 then return redis.error_reply('FOREIGN an id of the stream is beyond 2^53') end
  return add('pcall', ...)
end

local begun, numbered = false, false
local function put(...)
  local added
  local flag = ...
  if flag ~= 'E' and flag ~= 'M' and not numbered then
    numbered = true
    added = add_first(...)
  else
    added = add(begun and 'call' or 'pcall', ...)
  end
  begun = true
  if type(added) == 'table' and added.err then return added end
end
if lost > 0 then
  n = n + lost
  local failed = put('l', '', '', '', string.format('%.0f', lost))
  if failed then return failed end
  count = acknowledged
end
if number > last then
  for i = 6, #ARGV, 5 do
    if ARGV[i] == 'E' or ARGV[i] == 'M' then
      ordinal = ordinal + 1
    else
      n = n + 1
      count = count + 1
    end
    local failed = put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
    if failed then return failed end
    if ARGV[i] ~= 'E' and ARGV[i] ~= 'M' then told = ordinal end
  end
  last = number
end
redis.call('SET', origin, string.format('%.0f %.0f %s', last, count, place), 'EX', ARGV[3])
return answer()
)lua";

/// The script's name at the server: its SHA-1. A test compares it with the server's.
inline constexpr std::string_view redis_append_sha1 = "5e9c886567224cdc565b731fb39603b7f700a7cb";

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
