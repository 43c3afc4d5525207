"""Lets google's protobuf runtime know `buf/validate/validate.proto`, which the contract's files import.

Since version 2 the protovalidate distribution carries that file for a runtime of its own only. Its descriptor is taken from
there, so that no copy of it stands in this tree. Generated code imports this module by the name that protoc derives from
the file's path.

Source: docs/adr/0003-field-constraints.md
"""

from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, field_mask_pb2, timestamp_pb2
from google.protobuf.internal import builder
from protovalidate._gen.buf.validate import validate_pb

# The file's own imports have to be in the pool before it; naming them here says that their import is wanted.
_IMPORTS = (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2)

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(validate_pb.desc().proto.to_binary())

builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "buf.validate.validate_pb2", globals())
