// What the suite needs of an adapter. A new one joins by adding a factory to all_factories().
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "consumers/event_reader.h"
#include "producers/event_log.h"

namespace solo::testing {

/// One log with its disk or broker; starts closed. Everything it made is gone when it is.
class LogUnderTest {
 public:
  virtual ~LogUnderTest() = default;
  /// Opens it; the first time makes it.
  virtual void open() = 0;
  /// Destroys the log object; what is durable stays.
  virtual void close() = 0;
  virtual producers::EventLog& log() = 0;
  virtual std::unique_ptr<consumers::EventReader> reader(std::int32_t partition, std::int64_t from_offset) = 0;
};

struct LogFactory {
  std::string name;
  std::function<std::unique_ptr<LogUnderTest>()> make;
  /// It is in another process.
  bool remote = false;
};
inline void PrintTo(const LogFactory& factory, std::ostream* out) { *out << factory.name; }

std::vector<LogFactory> all_factories();

}  // namespace solo::testing
