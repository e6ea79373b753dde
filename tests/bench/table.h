// How a benchmark reports: one row per figure, beside the raw thing measured in the same run, with their ratio and the
// bound it is meant to keep.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace solo::bench {

enum class Bound { at_most, at_least };

struct Row {
  std::string what;
  std::string unit;
  double raw = 0;
  double solo = 0;
  /// What solo / raw is meant to keep, after `allowance` (in the row's unit) is taken off solo.
  Bound bound = Bound::at_most;
  double target = 1;
  double allowance = 0;
};

inline double ratio(const Row& row) { return (row.solo - row.allowance) / row.raw; }

inline bool keeps_bound(const Row& row) {
  return row.bound == Bound::at_most ? ratio(row) <= row.target : ratio(row) >= row.target;
}

inline void print_header() { std::printf("%-58s %12s %12s %8s  %s\n", "figure", "raw", "solo", "ratio", "bound"); }

inline void print(const Row& row) {
  const std::string allowance =
      row.allowance > 0 ? " after " + std::to_string(static_cast<int>(row.allowance)) + " " + row.unit : "";
  std::printf("%-58s %9.1f %s %9.1f %s %7.2fx  %s %.2fx%s: %s\n", row.what.c_str(), row.raw, row.unit.c_str(), row.solo,
              row.unit.c_str(), ratio(row), row.bound == Bound::at_most ? "at most" : "at least", row.target,
              allowance.c_str(), keeps_bound(row) ? "kept" : "MISSED");
  std::fflush(stdout);
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

}  // namespace solo::bench
