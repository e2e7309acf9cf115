# What all consumers have in common: a program of two source files that both use every header, and strict warnings.
add_executable(consumer "${CMAKE_CURRENT_LIST_DIR}/main.cpp" "${CMAKE_CURRENT_LIST_DIR}/socket.cpp")
target_compile_options(consumer PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

# A project that is used sets no flags and builds nothing of its own.
if(TARGET sse_warnings OR TARGET unit_tests OR TARGET quickstart)
  message(FATAL_ERROR "sse builds more than the consumer asked for")
endif()
