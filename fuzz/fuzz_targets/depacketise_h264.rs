#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_fuzz::depacketise_h264(data));
