// Not as clang-format writes it.
#pragma once
namespace solo   { inline int   two( ) { return   2; } }
