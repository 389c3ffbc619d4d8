qx_add_check_test(test_frame SOURCES unit/test_frame.c LINK qx_proto LABELS release)
qx_add_check_test(test_control SOURCES unit/test_control.c unit/control_samples.c LINK qx_proto)
qx_add_fuzzer(frame SOURCE fuzz/fuzz_frame.c CORPUS fuzz/corpus/frame LINK qx_proto)
qx_add_fuzzer(control SOURCE fuzz/fuzz_control.c CORPUS fuzz/corpus/control LINK qx_proto)

# Writes the seeds of both corpora again, after a change of the protocol: fuzz_seed_proto tests/fuzz/corpus
add_executable(fuzz_seed_proto EXCLUDE_FROM_ALL fuzz/seed_proto.c unit/control_samples.c)
target_link_libraries(fuzz_seed_proto PRIVATE qx_flags qx_proto)
