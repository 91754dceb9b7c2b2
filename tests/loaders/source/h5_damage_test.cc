// What the HDF5 reader says of damaged files: one row per message, a sound file with a few bytes
// changed. Where a structure ends in a checksum, the row changes that too, so that the check behind
// it is reached.
#include <fmt/format.h>

#include <cstring>

#include "loaders/source/h5.h"
#include "loaders/source/h5_image.h"
#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

struct Change {
  std::size_t at;
  const char* bytes;  // hexadecimal
};

struct Damage {
  const char* file;
  std::vector<Change> changes;
  const char* message;
};

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

// All that the reader says while it reads everything.
std::string messages_of(const std::string& contents) {
  std::string all;
  const auto attempt = [&](const std::function<void()>& read) {
    try {
      read();
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
      all += std::string(error.what()) + "\n";
    }
  };
  attempt([&] {
    const auto file = H5File::open(make_bytes(contents, "f.h5"), Limits{});
    std::vector<std::string> groups = {""}, paths;
    attempt([&] {
      for (const std::string& name : file->children("")) groups.push_back(name);
    });
    for (const std::string& group : groups) {
      for (const char* name : {"model_config", "fixed", "layer_names", "vlen_names"})
        attempt([&] { file->list_attribute(group, name); });
      attempt([&] { paths = file->datasets(group); });
      paths.resize(std::min<std::size_t>(paths.size(), 40));
      for (const std::string& path : paths) attempt([&] { file->dataset(path); });
    }
  });
  return all;
}

TEST(H5Damage, EveryCheckSaysWhatItFound) {
  const Damage kRows[] = {
      {"latest.h5", {{36, "1c28000000000000"}, {44, "d18bf4d4"}}, "the root is no group"},
      {"latest.h5",
       {{717, "3000000000000000"}, {725, "48baaeca"}},
       "group 'model_weights' is reached twice"},
      {"latest.h5", {{547, "01"}, {667, "22f563ec"}}, "a dataset without type or shape"},
      {"chunks_latest.h5", {{467, "01"}, {487, "70435041"}}, "a chunk index is damaged"},
      {"chunks_latest.h5", {{470, "3a"}, {487, "5ddb9a6b"}}, "a fixed array is damaged"},
      {"links_latest.h5", {{1108, "0000"}, {1136, "556e7ed9"}}, "a B-tree header is damaged"},
      {"links_latest.h5", {{1114, "10"}, {1136, "8930afec"}}, "a B-tree is too deep"},
      {"old.h5", {{140, "01"}}, "the B-tree node at 136 has type 1 and level 0"},
      {"links_latest.h5",
       {{1112, "1b"}, {1136, "02048d6f"}},
       "a B-tree node holds too many records"},
      {"chunks_latest.h5",
       {{282, "ffff"}, {459, "6857e4a1"}},
       "the chunks of a dataset are larger than the file"},
      {"chunks_latest.h5", {{285, "01"}, {459, "d150d8fd"}}, "a single chunk for a grid of 9"},
      {"chunks_latest.h5",
       {{30138, "ffffffffffffffffffffffffffffffff"}, {30370, "3c46f3df"}},
       "an array index over two unlimited dimensions"},
      {"chunks_latest.h5", {{277, "03"}, {459, "e47e5a78"}}, "a chunked layout is damaged"},
      {"chunks_latest.h5", {{280, "04"}, {459, "43647c07"}}, "a chunk index of type 10"},
      {"chunks_latest.h5", {{275, "00000000"}, {459, "6d718bb4"}}, "a data layout of version 0"},
      {"chunks_latest.h5",
       {{208, "00000000"}, {459, "a1d01878"}},
       "chunks of rank 2 in a dataset of rank 0"},
      {"chunks_latest.h5", {{282, "00"}, {459, "2a2d39a3"}}, "a chunk dimension of 0"},
      {"chunks_latest.h5",
       {{684, "ffff"}, {845, "251d960c"}},
       "a chunk of 42 bytes would become 260100"},
      {"chunks_latest.h5", {{244, "3a"}, {459, "2c802475"}}, "a dataset without a data layout"},
      {"chunks_latest.h5", {{680, "01"}, {845, "83f891d1"}}, "filters on data that is not chunked"},
      {"chunks_latest.h5", {{278, "04"}, {459, "779a0b78"}}, "a data layout of class 4"},
      {"bfloat16.weights.h5", {{8994, "ffffffffffffffff"}}, "the data was never written"},
      {"chunks_latest.h5", {{661, "00000000"}, {845, "2d616cf0"}}, "a filter pipeline is damaged"},
      {"chunks_latest.h5",
       {{1332, "0000000000000000"}, {1457, "3766a10a"}},
       "a chunk is too short for its checksum"},
      {"chunks_latest.h5",
       {{665, "03"}, {845, "cdcedbcd"}},
       "the Fletcher-32 checksum of a chunk does not fit"},
      {"old.h5", {{684, "01"}}, "a local heap has an unknown version"},
      {"latest.h5", {{10, "02"}, {44, "f9814f5b"}}, "the global heap at 2048 has no object 1"},
      {"bfloat16.weights.h5", {{2052, "00"}}, "a global heap has an unknown version"},
      {"bfloat16.weights.h5", {{2053, "ffffffffffffffff"}}, "global heaps overlap"},
      {"bfloat16.weights.h5", {{2063, "0002000000000000"}}, "a global heap has object 2 twice"},
      {"links_latest.h5",
       {{960, "01"}, {1098, "59ee0529"}},
       "a fractal heap has an unknown version"},
      {"links_latest.h5",
       {{960, "0000"}, {1098, "69ad11db"}},
       "a fractal heap's header is damaged"},
      {"links_latest.h5",
       {{1228, "ffffffffffffffff"}, {1448, "55923489"}},
       "a heap id has an unknown version"},
      {"links_latest.h5", {{1232, "3a"}, {1448, "ae08e245"}}, "a heap id of an unknown type"},
      {"links_latest.h5",
       {{1085, "00000000"}, {1098, "ea3752de"}},
       "no fractal heap block at 2048"},
      {"links_latest.h5",
       {{1068, "0001000000000000"}, {1098, "ddb01906"}},
       "the checksum of a fractal heap block does not fit"},
      {"many.h5", {{1982, "01"}, {2014, "e856f645"}}, "a heap offset lies outside its heap"},
      {"links_latest.h5", {{1233, "ffff"}, {1448, "a793951d"}}, "a heap object leaves its block"},
      {"links_latest.h5", {{1232, "10"}, {1448, "aaa81e89"}}, "a fractal heap has no huge objects"},
      {"many.h5",
       {{1430, "ffffffffffffffff"}, {1448, "7a79a4e4"}},
       "a fractal heap has no huge object 1"},
      {"latest.h5", {{0, "00"}, {44, "04e56e28"}}, "is not HDF5 but an unknown format"},
      {"latest.h5",
       {{36, "ffff"}, {44, "ed4fe648"}},
       "an object header: 0 bytes at 65535 are outside the file of 18552 bytes"},
      {"latest.h5", {{36, "ffffffffffffffff"}, {44, "7563c838"}}, "has no root group"},
      {"latest.h5",
       {{11, "ffff"}, {44, "242748ac"}},
       "the base address is 255, the superblock is at 0"},
      {"latest.h5",
       {{52, "00"}, {520, "8d0c8a9e"}},
       "the object header at 48 has an unknown version"},
      {"latest.h5", {{74, "00000000"}, {520, "05aec1dd"}}, "a header continuation is damaged"},
      {"latest.h5", {{29, "0000000000000000"}, {44, "2390f0f1"}}, "no object header at 0"},
      {"latest.h5",
       {{717, "ffffffffffffffff"}, {725, "72a08727"}},
       "'model_weights' leads to no object"},
      {"bfloat16.weights.h5", {{1508, "00"}}, "a symbol table node has an unknown version"},
      {"old.h5", {{168, "c03c000000000000"}}, "a link name lies outside its heap"},
      {"latest.h5", {{72, "06"}, {520, "f26c56d4"}}, "a link message has an unknown version"},
      {"latest.h5",
       {{1092, "5c"}, {1179, "4207cbdb"}},
       "'' is a user-defined link; only hard links are read"},
      {"latest.h5", {{72, "02"}, {520, "ea85113d"}}, "a link info message has an unknown version"},
      {"latest.h5", {{124, "0c"}, {520, "1ae8b674"}}, "a datatype of version 0"},
      {"latest.h5", {{145, "00000000"}, {520, "56d94f44"}}, "a datatype of 0 bytes"},
      {"latest.h5", {{126, "09"}, {520, "619335a5"}}, "a dataspace of version 0"},
      {"latest.h5", {{165, "01"}, {520, "608eb738"}}, "a dataspace of kind 0 and rank 1"},
      {"latest.h5", {{168, "30"}, {520, "ef4bc858"}}, "a string of 48 bytes in 47"},
      {"chunks_old.h5", {{1432, "01"}}, "a chunk lies between its places"},
      {"chunks_old.h5", {{1432, "0000000000690000"}}, "a chunk lies outside its dataset"},
      {"many.h5",
       {{1992, "0002000000000000"}, {2014, "9c9de14f"}},
       "a fractal heap's blocks do not nest"},
  };
  for (const Damage& row : kRows) {
    std::string contents(load(row.file).text());
    for (const Change& change : row.changes) {
      const std::string bytes = from_hex(change.bytes);
      ASSERT_LE(change.at + bytes.size(), contents.size()) << row.message;
      contents.replace(change.at, bytes.size(), bytes);
    }
    const std::string all = messages_of(contents);
    EXPECT_NE(all.find(row.message), std::string::npos)
        << row.file << " lacks: " << row.message << "\nand says:\n"
        << all;
  }
}

std::string little(std::uint64_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

std::string sealed(const std::string& text) {
  return text +
         little(h5::lookup3({reinterpret_cast<const std::byte*>(text.data()), text.size()}), 4);
}

// A file of the newer format with this object header as its root, at 48.
std::string file_of(const std::string& root, std::size_t size) {
  std::string file =
      sealed("\x89HDF\r\n\x1a\n" + std::string("\x02\x08\x08\x00", 4) + little(0, 8) +
             little(~std::uint64_t{0}, 8) + little(size, 8) + little(48, 8)) +
      root;
  file.resize(size, '\0');
  return file;
}

TEST(H5Damage, ContinuationsThatOverlap) {
  // Two blocks of 400 bytes in a file of 700, in headers of the older and the newer form.
  std::string older, newer;
  for (const std::uint64_t at : {200, 204}) {
    const std::string place = little(at, 8) + little(400, 8);
    older += little(0x10, 2) + little(16, 2) + little(0, 4) + place;
    newer += "\x10" + little(16, 2) + little(0, 1) + place;
  }
  const std::string header_1 = little(1, 1) + little(0, 1) + little(2, 2) + little(1, 4) +
                               little(older.size(), 4) + little(0, 4) + older;
  const std::string header_2 =
      sealed(std::string("OHDR\x02\x00", 6) + little(newer.size(), 1) + newer);
  for (const std::string& header : {header_1, header_2}) {
    std::string file = file_of(header, 700);
    file.replace(200, 400, sealed("OCHK" + std::string(392, '\0')));
    if (header == header_1) file.replace(200, 400, std::string(400, '\0'));
    EXPECT_NE(messages_of(file).find("the continuations of an object header overlap"),
              std::string::npos)
        << messages_of(file);
  }
}

TEST(H5Damage, StructuresThatComeTwice) {
  const std::string place = little(200, 8) + little(100, 8);
  const std::string twice = "\x10" + little(16, 2) + little(0, 1) + place;
  std::string file = file_of(
      sealed(std::string("OHDR\x02\x00", 6) + little(2 * twice.size(), 1) + twice + twice), 700);
  file.replace(200, 100, sealed("OCHK" + std::string(92, '\0')));
  EXPECT_NE(messages_of(file).find("a header continuation at 200 is reached twice"),
            std::string::npos)
      << messages_of(file);
}

// Four strings that are one object of the global heap.
TEST(H5Damage, StringsThatAreLargerThanTheFile) {
  std::string data;
  for (int i = 0; i < 4; ++i) data += little(300, 4) + little(400, 8) + little(1, 4);
  const std::string type = "\x19" + little(1, 3) + little(16, 4) +  // variable-length, text,
                           "\x13" + little(0, 3) + little(1, 4);    // of characters
  const std::string space = "\x02\x01" + little(0, 1) + "\x01" + little(4, 8);
  const std::string name("layer_names\0", 12);
  const std::string attribute = "\x03" + little(0, 1) + little(name.size(), 2) +
                                little(type.size(), 2) + little(space.size(), 2) + little(0, 1) +
                                name + type + space + data;
  const std::string links = little(0, 2) + std::string(16, '\xff');
  const std::string messages = "\x02" + little(links.size(), 2) + little(0, 1) + links + "\x0c" +
                               little(attribute.size(), 2) + little(0, 1) + attribute;
  std::string file =
      file_of(sealed(std::string("OHDR\x02\x00", 6) + little(messages.size(), 1) + messages), 1000);
  file.replace(
      400, 8 + 8 + 16,
      "GCOL\x01" + little(0, 3) + little(500, 8) + little(1, 2) + little(0, 6) + little(304, 8));
  EXPECT_NE(messages_of(file).find("strings larger than the file"), std::string::npos)
      << messages_of(file);
}

}  // namespace
}  // namespace thaw::testing
