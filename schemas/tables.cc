#include "schemas/tables.h"

#include <algorithm>
#include <array>

#include "schemas/schemas.h"

namespace solo::schemas {
namespace {

struct Entry {
  std::string_view name;
  const flatbuffers::TypeTable* (*type)();
};

#define SOLO_TABLE(Name) Entry{#Name, v1::Name##TypeTable},

// One SOLO_TABLE(Name) for each table of fbs/*.fbs, written by CMake.
constexpr std::array kTables = {
#include "schemas/generated/table_list.inc"
};

#undef SOLO_TABLE

}  // namespace

const flatbuffers::TypeTable* find_table(std::string_view name) {
  const auto* found =
      std::find_if(kTables.begin(), kTables.end(), [name](const Entry& entry) { return entry.name == name; });
  return found != kTables.end() ? found->type() : nullptr;
}

}  // namespace solo::schemas
