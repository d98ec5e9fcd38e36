-- One row by its key, another one each time.
local next_id = 0
request = function()
  next_id = next_id % 10000 + 1
  return wrk.format("GET", "/items?id=eq." .. next_id)
end
