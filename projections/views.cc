#include "projections/views.h"

#include <cassert>
#include <utility>

#include "schemas/partitioning.h"

namespace solo::projections {

using schemas::Result;

struct Views::Impl {
  std::vector<std::unique_ptr<PartitionView>> partitions;
};

Views::Views(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Views::~Views() = default;

Result<std::unique_ptr<Views>> Views::open(const ViewOptions& options, std::vector<OpenReport>* reports) {
  auto impl = std::make_unique<Impl>();
  for (std::int32_t number = 0; number < options.partitions; ++number) {
    OpenReport report;
    auto partition = PartitionView::open(options, number, &report);
    if (reports != nullptr) reports->push_back(std::move(report));
    if (!partition) return schemas::fail(std::move(partition.error()));
    impl->partitions.push_back(*std::move(partition));
  }
  return std::unique_ptr<Views>(new Views(std::move(impl)));
}

std::int32_t Views::partitions() const { return static_cast<std::int32_t>(impl_->partitions.size()); }

PartitionView& Views::partition(std::int32_t number) {
  assert(number >= 0 && number < partitions());
  return *impl_->partitions[static_cast<std::size_t>(number)];
}

const PartitionView& Views::partition(std::int32_t number) const {
  assert(number >= 0 && number < partitions());
  return *impl_->partitions[static_cast<std::size_t>(number)];
}

const PartitionView& Views::of(const schemas::TenantName& tenant) const {
  return partition(schemas::partition_of(tenant.str(), partitions()));
}

schemas::Cut Views::applied() const {
  schemas::Cut cut;
  for (const auto& view : impl_->partitions) {
    if (const std::int64_t next = view->next_offset(); next > 0) cut.positions.push_back({view->partition(), next - 1});
  }
  return cut;
}

bool Views::has(const schemas::Cut& cut) const {
  for (const schemas::Position& position : cut.positions) {
    if (position.partition < 0 || position.partition >= partitions()) return false;
    if (partition(position.partition).next_offset() <= position.offset) return false;
  }
  return true;
}

schemas::Hash128 Views::digest() const {
  schemas::Hash128 sum;
  for (const auto& view : impl_->partitions) sum += view->digest();
  return sum;
}

Result<void> Views::flush() {
  Result<void> outcome;
  for (const auto& view : impl_->partitions) {
    if (auto flushed = view->flush(); !flushed && outcome) outcome = std::move(flushed);
  }
  return outcome;
}

}  // namespace solo::projections
