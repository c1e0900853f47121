#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_fuzz::rtp_header(data));
