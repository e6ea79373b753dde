// The known word that a mistyped one most likely meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace solo::ops {

/// Empty when none of them is close: at most a third of its letters may differ. Measure: Levenshtein's edit distance.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// ` (did you mean "X"?)`, or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace solo::ops
