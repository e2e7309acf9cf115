// GENERATE is in the one header.
#pragma once

#include "../catch_test_macros.hpp"
