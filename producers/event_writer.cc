#include "producers/event_writer.h"

#include <utility>

#include "schemas/partitioning.h"

namespace solo::producers {

void EventWriter::append(std::string key, std::string value, AppendDone done) {
  const auto partition = schemas::partition_of(key, partitions());
  append_to(partition, std::move(key), std::move(value), std::move(done));
}

}  // namespace solo::producers
