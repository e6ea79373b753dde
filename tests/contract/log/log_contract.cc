#include "tests/contract/log/log_contract.h"

#include "schemas/partitioning.h"

namespace solo::testing {

std::string LogContract::key_of(std::int32_t partition) const {
  const auto partitions = under_test_->log().partitions();
  for (int number = 0;; ++number) {
    auto key = "tenant-" + std::to_string(number);
    if (schemas::partition_of(key, partitions) == partition) return key;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, LogContract, ::testing::ValuesIn(all_factories()),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace solo::testing
