// SPDX-License-Identifier: MIT
// The bodies of detail/server/refusal.hpp. src.hpp compiles them once; else response.hpp includes them.

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "sse/detail/base/jitter.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/server/answer_headers.hpp"
#include "sse/detail/server/refusal.hpp"
#include "sse/http_options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"
#include "sse/response.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Answer refusal_answer(const Request& request, RefusalReason reason, const StreamOptions& options) {
  Answer answer;
  const bool of_key = reason == RefusalReason::max_connections_per_key;
  const std::string why = reason == RefusalReason::draining ? "The server is shutting down"
                          : of_key                          ? "You have too many connections"
                                                            : "No more connections are accepted at the moment";
  const std::chrono::milliseconds retry = jittered(options.refusal_retry);
  if (options.refusal == RefusalForm::stream ||
      (options.refusal == RefusalForm::by_client && is_event_source(request))) {
    EncodeOptions form;
    form.retry = retry;
    answer.stream = options;
    answer.response.body = encode_notice("disconnect", form, why).frame();
    return answer;
  }
  answer.status = of_key ? 429 : 503;
  Response& response = answer.response;
  response.body = why + '\n';
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(retry).count();
  response.headers = {{"Retry-After", std::to_string(seconds)}};
  add_cors(response.headers, options);
  forbid_storing(response.headers);
  return answer;
}

SSE_DECL std::string refusal_text(const Request& request, RefusalReason reason, const StreamOptions& options) {
  return answer_text(refusal_answer(request, reason, options));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
