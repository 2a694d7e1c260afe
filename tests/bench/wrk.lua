-- SPDX-License-Identifier: Apache-2.0
-- The last line of wrk's output as JSON, in the words of bench_load.
function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      '{"requests": %d, "errors": %d, "seconds": %.6f, "p50_us": %.1f, "p99_us": %.1f}\n',
      summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration / 1e6,
      latency:percentile(50), latency:percentile(99)))
end
