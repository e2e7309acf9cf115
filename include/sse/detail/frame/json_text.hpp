// SPDX-License-Identifier: MIT
// Formats data as the JSON text of an event, as late as possible. With SSE_SEPARATE_COMPILATION the serializer of
// nlohmann/json is compiled once, in the file that includes src.hpp.

#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/error.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A JSON value that formats itself as UTF-8: nlohmann::json, nlohmann::ordered_json and their like.
template <class T>
concept FormatsItself = requires(const T& value) {
  { value.dump(-1, ' ', false, T::error_handler_t::replace) } -> std::same_as<std::string>;
  { value.is_discarded() } -> std::same_as<bool>;
};

/// A type that is not nlohmann::json but can be made into one, by a `to_json` that may throw; or that formats itself.
template <class T>
concept ConvertsToJson =
    !std::derived_from<T, nlohmann::json> && (FormatsItself<T> || std::constructible_from<nlohmann::json, const T&>);

template <class Json>
bool has_discarded(const Json& value) {
  if (value.is_discarded()) return true;
  if (value.is_structured())
    for (const auto& element : value)
      if (has_discarded(element)) return true;
  return false;
}

/// One line of JSON. Throws Error for a discarded value, which nlohmann/json would write as `<discarded>`.
template <class Json>
std::string dump(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.find("<discarded>") != text.npos && has_discarded(value))
    throw Error(errc::discarded_json, "sse: an event's data contains a discarded json (a parse that failed)");
  return text;
}

#if !defined(SSE_HEADER_ONLY)
extern template std::string dump<nlohmann::json>(const nlohmann::json&);
extern template std::string dump<nlohmann::ordered_json>(const nlohmann::ordered_json&);
#endif

/// An event's data, formatted only when the text is needed: never for a topic without subscribers. It refers to the
/// data, which must outlive it.
class JsonText {
 public:
  explicit JsonText(const nlohmann::json& data) noexcept : data_(&data), format_(&format<nlohmann::json>) {}
  template <ConvertsToJson Data>
  explicit JsonText(const Data& data) noexcept : data_(&data), format_(&format<Data>) {}

  std::string operator()() const { return format_(data_); }

 private:
  template <class Data>
  static std::string format(const void* data) {
    const Data& value = *static_cast<const Data*>(data);
    if constexpr (FormatsItself<Data>)
      return dump(value);
    else
      return dump(nlohmann::json(value));
  }

  const void* data_;
  std::string (*format_)(const void*);
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
