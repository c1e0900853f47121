//! Pictures of sockets on a clock of our own: what is shown is known, and what is in the files is held against it.

use offhook_media::video::{VideoCodec, VideoSize};

use super::Picture;
use crate::folder::{read_film, verify};
use crate::format::matroska::Coding;
use crate::gaps::GapKind;
use crate::journal::{Class, Entry};
use crate::tracks::meeting::Meeting;
use crate::tracks::tests::{Memory, begin};

/// Pictures a second, and what lies between two, in samples and in ticks of their clock.
const RATE: u32 = 25;
const BETWEEN: i64 = 48_000 / RATE as i64;
const TICKS: u32 = 90_000 / RATE;

/// Picture number so and so of a camera, each 25th a key frame; it takes 30 ms to come, and some take longer.
fn picture(number: u32) -> Picture {
    let late = 1440 + i64::from(number * 7919 % 500);
    Picture {
        section: 0,
        is_screen: false,
        ssrc: 7,
        source: Some(500),
        codec: VideoCodec::Vp8,
        is_key: number.is_multiple_of(RATE),
        size: Some(VideoSize { width: 640, height: 360 }),
        // Over the wrap.
        time: (u32::MAX - 200_000).wrapping_add(TICKS * number),
        at: i64::from(number) * BETWEEN + late,
        after_loss: false,
        after_drop: false,
        data: number.to_be_bytes().to_vec(),
    }
}

/// A meeting of so many pictures, to which `happens` does something at each.
fn meeting(pictures: u32, mut happens: impl FnMut(u32, &mut Meeting, &mut Memory)) -> Memory {
    let mut sink = Memory::default();
    let mut meeting = begin(&mut sink);
    for number in 0..pictures {
        happens(number, &mut meeting, &mut sink);
        meeting.tick(i64::from(number + 1) * BETWEEN, &mut sink);
        sink.answer(&mut meeting);
    }
    meeting.finish(i64::from(pictures) * BETWEEN, &mut sink);
    sink.answer(&mut meeting);
    meeting.stopped(&mut sink);
    sink
}

/// The numbers of the pictures in a file, and when each is shown, in milliseconds.
fn shown(sink: &Memory, name: &str) -> Vec<(u32, u64)> {
    let film = read_film(sink.file(name)).unwrap();
    let number = |data: &[u8]| u32::from_be_bytes(data.try_into().unwrap());
    film.frames.iter().map(|(frame, data)| (number(data), frame.at)).collect()
}

#[test]
fn pictures_stand_where_they_were_taken_and_the_file_is_closed_with_its_end() {
    let sink = meeting(250, |number, meeting, _| meeting.shown(picture(number)));
    let pictures = shown(&sink, "video-500-1.webm");
    let first = pictures[0].1;
    assert!((29..=31).contains(&first), "as the fastest came: {first}");
    for (number, at) in &pictures {
        assert_eq!(*at, first + 40 * u64::from(*number), "picture {number}");
    }
    assert_eq!(pictures.len(), 250);
    let film = read_film(sink.file("video-500-1.webm")).unwrap();
    assert_eq!(film.end, Some(10_000), "the last picture stands until the recording ends");
    let video = |entry| match entry {
        Entry::Video { track, source, file, width, .. } => Some((track, source, file, width)),
        _ => None,
    };
    let files: Vec<_> = sink.entries().into_iter().filter_map(video).collect();
    assert_eq!(files, [("video-500".to_owned(), Some(500), "video-500-1.webm".to_owned(), 640)]);
    assert_eq!(sink.gaps("video-500", GapKind::Lost), []);
}

/// A sequence and a picture parameter set.
const PARAMETERS: [u8; 16] = [0, 0, 0, 1, 0x67, 66, 192, 31, 5, 0, 0, 0, 1, 0x68, 9, 8];

/// The picture of that number in H.264, behind `head`.
fn h264(number: u32, head: &[u8]) -> Picture {
    let picture = picture(number);
    let unit = if picture.is_key { 0x65 } else { 0x41 };
    let data = [head, &[0, 0, 0, 1, unit, 1, 2, 3]].concat();
    Picture { codec: VideoCodec::H264, size: picture.size.filter(|_| picture.is_key), data, ..picture }
}

#[test]
fn parameter_sets_that_come_again_do_not_end_a_file_and_others_do() {
    let mut other = PARAMETERS;
    other[15] = 7;
    let sink = meeting(150, |number, meeting, _| {
        let head = match number {
            // At a key frame, and both or one of them anywhere.
            0 | 25 | 40 | 75 => &PARAMETERS[..],
            55 => &PARAMETERS[9..],
            // Without a key frame nobody knows what they are for.
            90 => &other[..],
            100 | 125 => &other,
            _ => &[],
        };
        meeting.shown(h264(number, head));
    });
    let numbers = |name: &str| read_film(sink.file(name)).unwrap().frames.len();
    assert_eq!((numbers("video-500-1.mkv"), numbers("video-500-2.mkv")), (90, 50));
    assert_eq!(sink.gaps("video-500", GapKind::NoKeyFrame).len(), 1);
}

#[test]
fn another_source_codec_or_size_begins_another_file_at_a_key_frame() {
    let sink = meeting(200, |number, meeting, _| {
        let mut picture = picture(number);
        match number {
            0..50 => {}
            // Of somebody else, whose first pictures cannot be used.
            50..100 => {
                picture.source = Some(600);
                picture.is_key = number == 60;
            }
            100..125 => {
                picture.source = Some(600);
                picture.size = Some(VideoSize { width: 320, height: 180 });
            }
            125..150 => {}
            150.. => picture = h264(number, if picture.is_key { &PARAMETERS } else { &[] }),
        }
        meeting.shown(picture);
    });
    let numbers = |name: &str| {
        let shown = shown(&sink, name);
        (shown[0].0, shown.last().unwrap().0, shown.len())
    };
    assert_eq!(numbers("video-500-1.webm"), (0, 49, 50));
    assert_eq!(numbers("video-600-1.webm"), (60, 99, 40));
    assert_eq!(numbers("video-600-2.webm"), (100, 124, 25));
    assert_eq!(numbers("video-500-2.webm"), (125, 149, 25));
    let film = read_film(sink.file("video-500-3.mkv")).unwrap();
    assert!(matches!(&film.coding, Coding::H264 { width: 640, configuration, .. } if configuration[0] == 1));
    assert_eq!((film.frames.len(), &film.frames[0].1[..]), (50, &[0, 0, 0, 4, 0x65, 1, 2, 3][..]));
}

#[test]
fn what_is_missing_is_told_with_its_reason() {
    let sink = meeting(500, |number, meeting, _| {
        let mut picture = picture(number);
        match number {
            // Lost, up to a key frame that was asked for.
            60..75 => return,
            75 => picture.after_loss = true,
            // The camera stands.
            150..175 => return,
            // The recorder was late.
            230..250 => return,
            250 => picture.after_drop = true,
            _ => {}
        }
        meeting.shown(picture);
    });
    let first = 1440;
    let place = |number: i64| (number * BETWEEN + first) as u64;
    let gap = |kind| {
        let gaps = sink.gaps("video-500", kind);
        assert_eq!(gaps.len(), 1, "{kind:?}");
        gaps[0]
    };
    let near = |(first, samples): (u64, u64), from: i64, to: i64| {
        first.abs_diff(place(from)) < 100 && samples.abs_diff(place(to) - place(from)) < 100
    };
    assert!(near(gap(GapKind::Lost), 60, 75));
    assert!(near(gap(GapKind::NotSent), 150, 175));
    assert!(near(gap(GapKind::Skipped), 230, 250));
    let shown = |entry| match entry {
        Entry::Shown { samples, .. } => Some(samples),
        _ => None,
    };
    let all: u64 = sink.entries().into_iter().filter_map(shown).sum();
    // The last is cut short by the end of the recording.
    let expected = (440 * BETWEEN - first) as u64;
    assert!(all.abs_diff(expected) < 1000, "{all} samples of pictures of {expected}");
}

#[test]
fn a_disk_that_refuses_costs_pictures_up_to_a_key_frame_that_is_asked_for() {
    let mut wanted = false;
    let sink = meeting(250, |number, meeting, sink| {
        sink.refuses = (100..110).contains(&number).then_some(Class::Video);
        meeting.shown(picture(number));
        wanted |= meeting.want_key_frames().next().is_some();
    });
    assert!(wanted);
    let numbers: Vec<_> = shown(&sink, "video-500-1.webm").into_iter().map(|(number, _)| number).collect();
    // What was in the cluster that was being filled is written when the disk takes it.
    let expected: Vec<_> = (0..250).filter(|number| !(100..125).contains(number)).collect();
    assert_eq!(numbers, expected);
    assert_eq!(sink.gaps("video-500", GapKind::Disk).len(), 1);
}

/// What the timeline says is shown, or missing for `kind`, in order: where it begins and ends.
fn spans(sink: &Memory, of: &str, kind: Option<GapKind>) -> Vec<(u64, u64)> {
    let span = |entry| match (entry, kind) {
        (Entry::Shown { track, first, samples }, None) if track == of => Some((first, first + samples)),
        (Entry::Gap { track, kind, first, samples, .. }, Some(wanted)) if track == of && kind == wanted => {
            Some((first, first + samples))
        }
        _ => None,
    };
    sink.entries().into_iter().filter_map(span).collect()
}

#[test]
fn what_the_disk_did_not_take_when_a_file_ended_is_told_and_not_told_to_be_shown() {
    // Refused at once, or by a queue that is full, or taken by the queue and lost behind it; at the end of the recording, or of a file
    // within it.
    for (trouble, another_follows) in
        [("refuses", false), ("full", false), ("full", true), ("loses", false), ("loses", true)]
    {
        let sink = meeting(500, |number, meeting, sink| {
            let is_bad = number >= 485 && (number < 490 || !another_follows);
            sink.refuses = (is_bad && trouble == "refuses").then_some(Class::Video);
            sink.is_full = (is_bad && trouble == "full").then_some(Class::Video);
            sink.loses = (is_bad && trouble == "loses").then_some(Class::Video);
            let mut picture = picture(number);
            if another_follows && number >= 488 {
                (picture.source, picture.is_key) = (Some(600), true);
            }
            meeting.shown(picture);
        });
        let case = format!("{trouble}, another follows: {another_follows}");
        let in_file = shown(&sink, "video-500-1.webm").last().unwrap().1 * 48 + BETWEEN as u64;
        let (_, told) = *spans(&sink, "video-500", None).last().unwrap();
        assert!(told.abs_diff(in_file) < 100, "{case}: told up to {told}, there up to {in_file}");
        let mut gaps = spans(&sink, "video-500", Some(GapKind::Disk));
        gaps.sort_unstable();
        let end = gaps.iter().fold(told, |end, (first, until)| if *first <= end { *until } else { end });
        let expected = (if another_follows { 488 } else { 500 }) * BETWEEN as u64;
        assert!(end.abs_diff(expected) < BETWEEN as u64, "{case}: {gaps:?} behind {told}");
    }
}

#[test]
fn one_source_on_two_sockets_has_gaps_of_its_own_in_each_file() {
    let sink = meeting(250, |number, meeting, _| {
        for section in [0, 1] {
            let mut own = Picture { section, ssrc: 7 + section as u32, ..picture(number) };
            match (section, number) {
                (0, 60..75) | (1, 130..150) => continue,
                (0, 75) | (1, 150) => (own.after_loss, own.is_key) = (true, true),
                _ => {}
            }
            meeting.shown(own);
        }
    });
    let gap = |entry| match entry {
        Entry::Gap { file, kind: GapKind::Lost, .. } => file,
        _ => None,
    };
    let files: Vec<_> = sink.entries().into_iter().filter_map(gap).collect();
    assert_eq!(files, ["video-500-1.webm", "video-500-2.webm"]);
    let directory = tempfile::tempdir().unwrap();
    sink.save(directory.path());
    let verified = verify(directory.path()).unwrap();
    assert_eq!((verified.problems, verified.files), (vec![], 2));
    // A timeline that does not name the file, as they were, is read as well.
    let line = r#"{"type":"gap","track":"video-7","kind":"lost","first":5,"samples":7}"#;
    let old: Entry = serde_json::from_str(line).unwrap();
    assert!(matches!(old, Entry::Gap { file: None, first: 5, .. }));
}

#[test]
fn what_was_there_before_the_recording_began_is_not_in_it() {
    let sink = meeting(100, |number, meeting, _| {
        let mut picture = picture(number);
        picture.at -= 48_000;
        meeting.shown(picture);
    });
    let pictures = shown(&sink, "video-500-1.webm");
    assert_eq!(pictures[0].0, 25, "the first key frame behind the beginning");
}

#[test]
fn at_any_instant_less_than_a_second_of_pictures_is_not_on_disk() {
    meeting(500, |number, meeting, sink| {
        meeting.shown(picture(number));
        if number > 50 {
            let film = read_film(sink.file("video-500-1.webm")).unwrap();
            assert!(film.end.is_none());
            let missing = u64::from(number) * 40 - film.frames.last().unwrap().0.at;
            assert!(missing < 1000, "{missing} ms at picture {number}");
        }
    });
}
