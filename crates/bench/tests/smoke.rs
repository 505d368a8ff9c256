//! The bench measures what there is: one small round of every row, whose figures nobody judges.

use std::path::PathBuf;

use windlass_bench::{Programs, ROWS, Size};

#[tokio::test(flavor = "multi_thread")]
async fn every_row_gives_its_figures() {
    let binary = std::env::var_os("WINDLASS_TEST_BINARY");
    let programs = Programs {
        windlass: PathBuf::from(binary.expect("run the tests with `cargo xtask test`")),
        bench: PathBuf::from(env!("CARGO_BIN_EXE_windlass-bench")),
    };
    let size = Size {
        runs: 3,
        readings: 1,
    };

    for row in ROWS {
        let figures = row.measure(&programs, size).await.unwrap();

        assert!(!figures.is_empty(), "{}", row.name);
        for figure in figures {
            assert_eq!(figure.to_string().matches(" | ").count(), 3, "{figure}");
        }
    }
}
