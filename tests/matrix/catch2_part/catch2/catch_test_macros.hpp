// The part of Catch2's interface that the tests use, in one header: for systems where there is no Catch2 that is
// compiled. A test has one level of SECTION at most.
#pragma once

#include <cstddef>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace Catch {

template <class T>
struct StringMaker {
  static std::string convert(const T& value) {
    std::ostringstream text;
    if constexpr (requires { text << value; }) text << value;
    return text.str();
  }
};

namespace Detail {
template <class T>
std::string stringify(const T& value) {
  return StringMaker<T>::convert(value);
}
}  // namespace Detail

namespace Matchers {
struct MatcherGenericBase {
  virtual ~MatcherGenericBase() = default;
  virtual std::string describe() const = 0;
};
}  // namespace Matchers

}  // namespace Catch

namespace catch2_part {

struct Test {
  const char* name;
  const char* file;
  void (*run)();
};
inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}
struct Register {
  Register(const char* name, const char* file, void (*run)()) { tests().push_back({name, file, run}); }
};

struct Failed {};  ///< Ends a test.

struct State {
  const Test* test = nullptr;
  std::size_t assertions = 0, failures = 0;
  std::size_t section = 0, sections = 0;  ///< The one that this run of the test enters; those that it has met.
  struct Choice {
    std::size_t taken, count;
  };
  std::vector<Choice> choices;  ///< Of this run's GENERATEs, in their order.
  std::size_t next_choice = 0;
  std::vector<std::string> infos;
};
inline State& state() {
  static State only;
  return only;
}

inline void report(const char* what, int line, const std::string& more = {}) {
  ++state().failures;
  std::printf("FAILED: %s (%s:%d): %s %s\n", state().test->name, state().test->file, line, what, more.c_str());
  for (const std::string& info : state().infos) std::printf("  with %s\n", info.c_str());
}
inline bool check(bool good, const char* what, int line) {
  ++state().assertions;
  if (!good) report(what, line);
  return good;
}
inline void require(bool good, const char* what, int line) {
  if (!check(good, what, line)) throw Failed{};
}
/// Calls a function that is expected to throw something for which `is_right` is true.
template <class Function, class IsRight>
bool throws(Function&& function, IsRight&& is_right) {
  try {
    function();
  } catch (const Failed&) {
    throw;
  } catch (...) {
    return is_right(std::current_exception());
  }
  return false;
}
template <class Exception, class Matches>
bool is_a(const std::exception_ptr& thrown, Matches&& matches) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Exception& exception) {
    return matches(exception);
  } catch (...) {
    return false;
  }
}

template <class Write>
class Info {
 public:
  explicit Info(Write write) {
    std::ostringstream text;
    write(text);
    state().infos.push_back(text.str());
  }
  Info(const Info&) = delete;
  ~Info() { state().infos.pop_back(); }
};

inline bool enters_section() {
  return state().sections++ == state().section;
}

/// A value for this run. There is one run for each of them.
template <class T>
T generate(std::initializer_list<T> values) {
  State& now = state();
  if (now.next_choice == now.choices.size()) now.choices.push_back({0, values.size()});
  return values.begin()[now.choices[now.next_choice++].taken];
}
/// Chooses the values of the next run. False: there were runs for all.
inline bool choose_next() {
  auto& choices = state().choices;
  while (!choices.empty() && ++choices.back().taken == choices.back().count) choices.pop_back();
  return !choices.empty();
}

inline void run(const Test& test) {
  State& now = state();
  now.test = &test;
  do {
    now.section = 0;
    do {
      now.sections = now.next_choice = 0;
      now.infos.clear();
      try {
        test.run();
      } catch (const Failed&) {
      } catch (const std::exception& error) {
        report("an exception", 0, error.what());
      } catch (...) {
        report("an exception", 0);
      }
    } while (++now.section < now.sections);
  } while (choose_next());
}

/// The exit status of a program whose tests these are. `left_out`: parts of the names of tests that are not run.
inline int run_all(const std::vector<std::string_view>& left_out = {}) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // so that the last line names a test that hangs
  std::size_t cases = 0;
  for (const Test& test : tests()) {
    bool wanted = true;
    for (const std::string_view part : left_out) wanted = wanted && std::string_view(test.name).find(part) == part.npos;
    if (!wanted) continue;
    ++cases;
    std::printf("%s\n", test.name);
    run(test);
  }
  std::printf("%zu test cases, %zu assertions, %zu failed\n", cases, state().assertions, state().failures);
  return state().failures == 0 && cases != 0 ? 0 : 1;
}

}  // namespace catch2_part

#define CATCH2_PART_JOIN2(a, b) a##b
#define CATCH2_PART_JOIN(a, b) CATCH2_PART_JOIN2(a, b)
#define CATCH2_PART_NAME(name) CATCH2_PART_JOIN(name, __LINE__)
#define CATCH2_PART_TEST(function, name)                                                       \
  static void function();                                                                      \
  static const catch2_part::Register CATCH2_PART_JOIN(function, _)(name, __FILE__, &function); \
  static void function()
#define TEST_CASE(name) CATCH2_PART_TEST(CATCH2_PART_JOIN(catch2_part_test_, __COUNTER__), name)
#define SKIP(...) return
#define SECTION(name) if (catch2_part::enters_section())

#define CHECK(...) (void)catch2_part::check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __LINE__)
#define CHECK_FALSE(...) (void)catch2_part::check(!static_cast<bool>(__VA_ARGS__), "not " #__VA_ARGS__, __LINE__)
#define REQUIRE(...) catch2_part::require(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __LINE__)
#define REQUIRE_FALSE(...) catch2_part::require(!static_cast<bool>(__VA_ARGS__), "not " #__VA_ARGS__, __LINE__)
#define CATCH2_PART_THROWS(expression, ...)                   \
  catch2_part::throws([&] { (void)(expression); },            \
                      [&](const std::exception_ptr& thrown) { \
                        (void)thrown;                         \
                        return __VA_ARGS__;                   \
                      })
#define CHECK_THROWS(...) (void)catch2_part::check(CATCH2_PART_THROWS((__VA_ARGS__), true), #__VA_ARGS__, __LINE__)
#define CHECK_THROWS_AS(expression, type)                                                                             \
  (void)catch2_part::check(                                                                                           \
      CATCH2_PART_THROWS(expression, catch2_part::is_a<type>(thrown, [](const auto&) { return true; })), #expression, \
      __LINE__)
#define REQUIRE_THROWS_AS(expression, type)                                                                           \
  catch2_part::require(                                                                                               \
      CATCH2_PART_THROWS(expression, catch2_part::is_a<type>(thrown, [](const auto&) { return true; })), #expression, \
      __LINE__)
#define CHECK_THROWS_MATCHES(expression, type, ...)                                                                    \
  (void)catch2_part::check(                                                                                            \
      CATCH2_PART_THROWS(                                                                                              \
          expression, catch2_part::is_a<type>(thrown, [&](const auto& error) { return (__VA_ARGS__).match(error); })), \
      #expression, __LINE__)
#define CHECK_NOTHROW(...) (void)catch2_part::check(!CATCH2_PART_THROWS((__VA_ARGS__), true), #__VA_ARGS__, __LINE__)
#define REQUIRE_NOTHROW(...) catch2_part::require(!CATCH2_PART_THROWS((__VA_ARGS__), true), #__VA_ARGS__, __LINE__)
#define CHECK_THAT(value, ...) (void)catch2_part::check((__VA_ARGS__).match(value), #value, __LINE__)
#define REQUIRE_THAT(value, ...) catch2_part::require((__VA_ARGS__).match(value), #value, __LINE__)
#define INFO(...)                                              \
  const catch2_part::Info CATCH2_PART_NAME(catch2_part_info_)( \
      [&](std::ostream& catch2_part_text) { catch2_part_text << __VA_ARGS__; })
#define CAPTURE(value) INFO(#value " := " << (value))
#define GENERATE(...) catch2_part::generate({__VA_ARGS__})
#define UNSCOPED_INFO(...) \
  catch2_part::state().infos.push_back((static_cast<std::ostringstream&&>(std::ostringstream() << __VA_ARGS__)).str())
#define FAIL(...)                                                                                                      \
  do {                                                                                                                 \
    catch2_part::report(                                                                                               \
        (static_cast<std::ostringstream&&>(std::ostringstream() << "FAIL " __VA_OPT__(<<) __VA_ARGS__)).str().c_str(), \
        __LINE__);                                                                                                     \
    throw catch2_part::Failed{};                                                                                       \
  } while (false)
