#include "projections/domain_writer.h"

#include <rocksdb/write_batch.h>

#include <cassert>

#include "projections/digest.h"

namespace solo::projections {

void DomainWriter::put(const std::string& key, std::string_view buffer, schemas::Hash128& stored_hash) const {
  assert(entry_hash(key, buffer) && "what was just packed is no damaged buffer");
  const auto hash = entry_hash(key, buffer, Trust::packed_here);
  digest -= stored_hash;
  digest += *hash;
  stored_hash = *hash;
  const auto bytes = hash->bytes();
  const rocksdb::Slice parts[] = {{reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                  {buffer.data(), buffer.size()}};
  const rocksdb::Slice name(key);
  batch.Put(rocksdb::SliceParts(&name, 1), rocksdb::SliceParts(parts, 2));
}

void DomainWriter::erase(const std::string& key, schemas::Hash128& stored_hash) const {
  digest -= stored_hash;
  stored_hash = {};
  batch.Delete(key);
}

}  // namespace solo::projections
