// The files of ops/lost_tail.h.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "consumers/files.h"
#include "ops/lost_tail.h"
#include "schemas/schemas.h"

namespace solo::ops {
namespace {

using nlohmann::ordered_json;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

std::filesystem::path lost_tail_path(const std::filesystem::path& state) { return state / "lost-tail"; }
std::filesystem::path log_end_path(const std::filesystem::path& views) { return views / "log-end"; }
std::filesystem::path rebuild_path(const std::filesystem::path& views) { return views / "rebuild"; }

// An event's id may hold any bytes, JSON may not.

std::string to_hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

/// What is no hex becomes an id that no record has.
std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    unsigned value = 0;
    const auto end = text.data() + at + 2;
    if (std::from_chars(text.data() + at, end, value, 16).ptr != end) return "";
    bytes += static_cast<char>(value);
  }
  return bytes;
}

ordered_json to_json(const LostTail& lost) {
  return {{"former_log", lost.former_log},
          {"log", lost.log},
          {"from", schemas::to_string(lost.from)},
          {"until", schemas::to_string(lost.until)},
          {"what", lost.what}};
}

ordered_json to_json(const KnownPartition& known) {
  ordered_json tail = ordered_json::array();
  for (const auto& mark : known.tail) {
    tail.push_back({{"offset", mark.offset}, {"id", to_hex(mark.id)}, {"crc", mark.crc}});
  }
  return {{"log", known.log_uuid},
          {"partition", known.partition},
          {"partitions", known.partitions},
          {"next_offset", known.next_offset},
          {"tail", std::move(tail)}};
}

// Both throw what nlohmann throws: read() catches it.

LostTail lost_tail_of(const ordered_json& json) {
  LostTail lost{json.at("former_log"), json.at("log"), {}, {}, json.at("what")};
  auto from = schemas::parse_cut(json.at("from").get<std::string>());
  auto until = schemas::parse_cut(json.at("until").get<std::string>());
  if (from) lost.from = *std::move(from);
  if (until) lost.until = *std::move(until);
  return lost;
}

KnownPartition known_of(const ordered_json& json) {
  KnownPartition known{json.at("log"), json.at("partition"), json.at("partitions"), json.at("next_offset"), {}};
  for (const auto& mark : json.at("tail")) {
    known.tail.push_back({mark.at("offset"), from_hex(mark.at("id")), mark.at("crc")});
  }
  return known;
}

template <class Value, class Decode>
Result<Value> read(const std::filesystem::path& path, Decode decode) {
  const auto text = consumers::read_file(path);
  if (!text) return fail(text.error());
  try {
    return decode(ordered_json::parse(*text));
  } catch (const ordered_json::exception& error) {
    return fail(ErrorCode::data_loss, fmt::format("{} cannot be read: {}", path.string(), error.what()),
                "it tells what the views knew of the log: look what it says before you remove it");
  }
}

std::string to_text(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

void remove_file(const std::filesystem::path& path) {
  std::error_code gone_already;
  std::filesystem::remove(path, gone_already);
}

}  // namespace

Result<LostTail> read_lost_tail(const std::filesystem::path& state) {
  return read<LostTail>(lost_tail_path(state), [](const ordered_json& json) { return lost_tail_of(json); });
}

Result<void> write_lost_tail(const std::filesystem::path& state, const LostTail& lost) {
  return consumers::write_file(lost_tail_path(state), to_text(to_json(lost)), 0600);
}

void remove_lost_tail(const std::filesystem::path& state) { remove_file(lost_tail_path(state)); }

Result<LogEnd> read_log_end(const std::filesystem::path& views) {
  return read<LogEnd>(log_end_path(views), [](const ordered_json& json) {
    LogEnd end{json.at("log"), {}};
    if (auto cut = schemas::parse_cut(json.at("end").get<std::string>())) end.end = *std::move(cut);
    return end;
  });
}

Result<void> write_log_end(const std::filesystem::path& views, const LogEnd& end) {
  return consumers::write_file(log_end_path(views), to_text({{"log", end.log}, {"end", schemas::to_string(end.end)}}),
                               0600);
}

bool is_rebuilding(const std::filesystem::path& views) {
  std::error_code unreadable;
  return std::filesystem::exists(rebuild_path(views), unreadable);
}

Result<Rebuild> read_rebuild(const std::filesystem::path& views) {
  return read<Rebuild>(rebuild_path(views), [](const ordered_json& json) {
    Rebuild rebuild;
    for (const auto& partition : json.at("known")) rebuild.known.push_back(known_of(partition));
    if (json.contains("accepted")) rebuild.accepted = lost_tail_of(json.at("accepted"));
    return rebuild;
  });
}

Result<void> write_rebuild(const std::filesystem::path& views, const Rebuild& rebuild) {
  ordered_json json{{"known", ordered_json::array()}};
  for (const auto& partition : rebuild.known) json["known"].push_back(to_json(partition));
  if (rebuild.accepted) json["accepted"] = to_json(*rebuild.accepted);
  return consumers::write_file(rebuild_path(views), to_text(json), 0600);
}

void remove_rebuild(const std::filesystem::path& views) { remove_file(rebuild_path(views)); }

}  // namespace solo::ops
