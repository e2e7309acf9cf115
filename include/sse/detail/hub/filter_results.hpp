// SPDX-License-Identifier: MIT
// Asks the filters of a manager's connections about one event: each filter once, and no lock is held meanwhile.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The results of the connections' filters for one event.
class FilterResults {
 public:
  /// Calls the filters of the connections that want the topic, except those that were called before.
  void ask(ShardMap& shards, const Event& event, const HashedName& topic);
  /// The result for a connection whose filter is `filter`, at `index` of Shard::filtered. False if it was not called.
  bool accepts(const Shard& shard, const Filter& filter, std::size_t index) const noexcept;
  /// The result of a shared filter. False if it was not called.
  bool accepts(const Filter& shared) const noexcept;

 private:
  enum class Result : std::uint8_t { unwanted, wanted, refused, accepted };
  /// The filters of one shard.
  struct Part {
    IntrusivePtr<FilterList> list;  ///< Null: there are none.
    std::vector<Result> results;    ///< In the order of `list`. Of a shared filter: wanted or unwanted.
  };
  using Parts = std::array<Part, ShardMap::size>;
  struct Shared {
    IntrusivePtr<Filter> filter;
    Result result = Result::wanted;
  };

  static Part find_wanting(Shard& shard, const HashedName& topic, std::vector<Shared>& shared);
  static void add(std::vector<Shared>& shared, Filter& filter);
  static Result result_of(const Part& part, const Filter& filter, std::size_t index) noexcept;

  Parts parts_;                 ///< By the shard's number.
  std::vector<Shared> shared_;  ///< Each once, by its address.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/filter_results.ipp"
#endif
