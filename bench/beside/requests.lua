-- What wrk sends to any of the systems. Arguments: a file with a path a line, a file with a header a line, and where in
-- the paths to begin; for writes also a body in which {first}, {last} and {email} are replaced, and a word that makes
-- the addresses new. All systems are asked by this file, so that the client's work is the same.

local requests, pieces, path, headers = {}, nil, nil, {}
local at, number, stamp = 0, 0, nil

local syllables = {
  "an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo", "ka", "lu", "ma", "nor", "ol", "pe", "qui", "ro",
}

local function name()
  local made = ""
  for _ = 1, 3 do made = made .. syllables[math.random(#syllables)] end
  return made
end

-- Text and names of what stands in its place by turns, so that a body is put together without a search in it.
local function split(body)
  local made, from = {}, 1
  for before, key, after in body:gmatch("(.-){(%a+)}()") do
    made[#made + 1] = before
    made[#made + 1] = key
    from = after
  end
  made[#made + 1] = body:sub(from)
  return made
end

local function body()
  local first, last = name(), name()
  number = number + 1
  local values = { first = first, last = last, email = first .. "." .. last .. "." .. stamp .. number .. "@example.com" }
  local made = {}
  for place, piece in ipairs(pieces) do made[place] = place % 2 == 0 and values[piece] or piece end
  return table.concat(made)
end

function init(args)
  for line in io.lines(args[2]) do
    local key, value = line:match("^([^:]+): (.+)$")
    headers[key] = value
  end
  if args[4] then
    pieces, stamp = split(args[4]), args[5]
    headers["Content-Type"] = "application/json"
  end
  for line in io.lines(args[1]) do
    path = line
    if not pieces then requests[#requests + 1] = wrk.format("GET", line, headers) end
  end
  at = tonumber(args[3])
end

function request()
  if pieces then return wrk.format("POST", path, headers, body()) end
  at = at + 1
  return requests[at % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nMEASURED {"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
