// Logs as no sane cluster would write them: likely and unlikely events in any order, about few services, so that they
// meet. For properties.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <vector>

#include "schemas/position.h"
#include "tests/unit/projections/memory_state.h"
#include "tests/unit/projections/records.h"

namespace solo::testing {

struct Step {
  std::uint8_t kind = 0;
  std::uint8_t service = 0;
  /// Which of the generations, instances, runs or texts that come into question.
  std::uint8_t choice = 0;
  bool flag = false;
};

void showValue(const Step& step, std::ostream& out);

/// Writes a log step by step; knows what has become of it so far, so that most steps make sense.
class RandomLog {
 public:
  /// Of one partition, with two tenants that belong there.
  explicit RandomLog(std::int32_t partition = 0, std::int32_t partitions = 1);
  /// The records this step adds: one, seldom two.
  void add(const Step& step);

  const std::vector<schemas::LogRecord>& records() const { return records_; }

 private:
  void append(schemas::LogRecord record);
  std::uint64_t generation(const std::string& service, std::uint8_t choice);
  std::string instance(const std::string& service, std::uint8_t choice);
  void add_command(const Step& step, const std::string& service);
  void add_observation(const Step& step, const std::string& service);
  void add_odd(const Step& step, const std::string& service);
  void add_token(const Step& step);

  RecordMaker make_;
  std::string first_tenant_;
  std::string second_tenant_;
  MemoryState state_;
  std::vector<schemas::LogRecord> records_;
  std::uint64_t instances_ = 0;
};

/// The whole log of these steps.
std::vector<schemas::LogRecord> make_log(const std::vector<Step>& steps, std::int32_t partition = 0,
                                         std::int32_t partitions = 1);

}  // namespace solo::testing

namespace rc {
template <>
struct Arbitrary<solo::testing::Step> {
  static Gen<solo::testing::Step> arbitrary();
};
}  // namespace rc
