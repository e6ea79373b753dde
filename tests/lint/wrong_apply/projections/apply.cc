// Never compiled: what pure_apply.py must find, each line marked, and what it must not.
#include "projections/apply.h"

#include <chrono>         // offence: clock
#include <ctime>          // offence: clock
#include <filesystem>     // offence: I/O
#include <mutex>          // offence: threads
#include <random>         // offence: randomness
#include <rocksdb/db.h>   // offence: I/O
#include <unordered_map>  // offence: hash order

#include "producers/clock.h"  // offence: clock
#include "projections/helper.h"
#include "schemas/shared.h"

namespace solo::projections {

void clocks() {
  auto now = std::chrono::system_clock::now();  // offence: clock
  auto seconds = time(nullptr);                 // offence: clock
  auto again = ::time(nullptr);                 // offence: clock
  clock_gettime(CLOCK_REALTIME, &when);         // offence: clock
  // Not the clock: the event's own field, a comment's time(nullptr), and words in "time(nullptr)".
  auto written = event.time();
  auto pointed = event->time();
  auto text = "system_clock::now()";
  /* time(nullptr)
     rand() */
}

void randomness() {
  std::random_device device;         // offence: randomness
  std::mt19937 generator;            // offence: randomness
  auto number = rand() % 2;          // offence: randomness
  randombytes_buf(bytes, size);      // offence: randomness
}

void input_and_output() {
  std::ofstream file(name);          // offence: I/O
  std::cerr << name;                 // offence: I/O
  auto descriptor = ::open(name, 0); // offence: I/O
  printf("%s", name);                // offence: I/O
  spdlog::info("applied");           // offence: I/O
  database->Get(rocksdb::ReadOptions(), key, &value);  // offence: I/O
  auto home = std::getenv("HOME");   // offence: environment
}

void threads() {
  std::thread([] {}).join();         // offence: threads
  std::lock_guard lock(mutex);       // offence: threads
  std::atomic<int> count;            // offence: threads
  thread_local int calls;            // offence: threads
}

void hash_order() {
  std::unordered_map<std::string, int> seen;          // offence: hash order
  for (const std::unordered_set<int>& set : sets) {}  // offence: hash order
  auto order = std::hash<std::string>{}(name);        // offence: hash order
  std::map<const Service*, int> by_address;           // offence: hash order
  // Ordered by content:
  std::map<std::string, int> by_name;
}

void kept_between_calls() {
  static int calls = 0;              // offence: kept between calls
  static std::string last;           // offence: kept between calls
  static const int kLimit = 5;
  static constexpr int kOther = 5;
  auto counter = [calls]() mutable { return calls; };
}

static int helper_function(int value) { return value; }

}  // namespace solo::projections
