// SPDX-License-Identifier: MIT
// The only instantiation of nlohmann/json's serializer in a program that compiles this library once. Header-only
// programs do not include this file.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sse/detail/frame/json_text.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

template std::string dump<nlohmann::json>(const nlohmann::json&);
template std::string dump<nlohmann::ordered_json>(const nlohmann::ordered_json&);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
