//! Transactions without a pause between: what Postgres says at each moment is asked in a
//! rehearsal that is rolled back.

use super::history::{self, Transaction};
use super::tally::Mismatch;
use super::verdict::Judged;
use super::world::World;

impl World {
    /// Several transactions at once. A rehearsal that is rolled back asks Postgres after each of
    /// them; then they are committed without a pause.
    pub(super) async fn burst(&mut self) -> Result<(), Mismatch> {
        let count = self.dice.between(2, 6);
        let transactions: Vec<Transaction> = (0..count)
            .map(|_| match self.dice.below(4) {
                0 => history::rules(&mut self.dice, &self.scene),
                _ => history::rows(&mut self.dice, &self.scene, &mut self.revisions),
            })
            .collect();
        let mark = self.mark().await;
        self.writer.batch_execute("begin").await.expect("begins");
        let (mut good, mut rehearsed) = (String::new(), Vec::new());
        for transaction in &transactions {
            if self.rehearse(transaction).await {
                good += &self.count(transaction);
                rehearsed.push(self.ask_aside(mark).await);
            }
        }
        self.writer.batch_execute("rollback").await.expect("rolls back");
        self.writer.batch_execute(&good).await.expect("what was rehearsed can be done");
        self.compare_all(mark, &rehearsed, &good).await
    }

    /// Rows that people subscribe to and rows beside them, from two connections at once. Nobody
    /// knows in which order: the rehearsal asks Postgres after each number of either.
    pub(super) async fn race(&mut self) -> Result<(), Mismatch> {
        let (mut mains, mut sides) = (Vec::new(), Vec::new());
        for _ in 0..self.dice.between(2, 3) {
            let (dice, scene, revisions) = (&mut self.dice, &self.scene, &mut self.revisions);
            mains.push(history::rows_of(dice, scene, revisions, false));
            sides.push(history::rows_of(dice, scene, revisions, true));
        }
        let mark = self.mark().await;
        self.writer.batch_execute("begin").await.expect("begins");
        let (mut good_mains, mut good_sides) = (String::new(), String::new());
        let mut rehearsed = Vec::new();
        for number in 0..=mains.len() {
            if number > 0 && self.rehearse(&mains[number - 1]).await {
                good_mains += &self.count(&mains[number - 1]);
            }
            self.writer.batch_execute("savepoint sides").await.expect("marks");
            rehearsed.push(self.ask_aside(mark).await);
            for side in &sides {
                if self.rehearse(side).await {
                    rehearsed.push(self.ask_aside(mark).await);
                    if number == 0 {
                        good_sides += &self.count(side);
                    }
                }
            }
            self.writer.batch_execute("rollback to savepoint sides").await.expect("undone");
        }
        self.writer.batch_execute("rollback").await.expect("rolls back");
        let other = self.database.connect().await;
        let (main, side) =
            tokio::join!(self.writer.batch_execute(&good_mains), other.batch_execute(&good_sides));
        main.and(side).expect("what was rehearsed can be done");
        self.compare_all(mark, &rehearsed, &format!("{good_mains}-- at once:\n{good_sides}")).await
    }

    /// Tries a transaction inside of another; gives whether it can be done.
    async fn rehearse(&self, transaction: &Transaction) -> bool {
        let sql = format!("savepoint rehearsed;\n{}", transaction.sql());
        let is_good = self.writer.batch_execute(&sql).await.is_ok();
        if !is_good {
            self.writer.batch_execute("rollback to savepoint rehearsed").await.expect("undone");
        }
        is_good
    }

    /// What Postgres says inside of a transaction that goes on.
    async fn ask_aside(&self, mark: i64) -> Vec<Judged> {
        self.writer.batch_execute("savepoint judged").await.expect("marks");
        let judged = self.ask(mark).await;
        self.writer.batch_execute("rollback to savepoint judged").await.expect("undone");
        judged
    }

    /// Compares with what Postgres said at any of the rehearsed moments, and says now.
    async fn compare_all(
        &mut self,
        mark: i64,
        rehearsed: &[Vec<Judged>],
        sql: &str,
    ) -> Result<(), Mismatch> {
        let judged = self.judge(mark).await;
        let mut moments: Vec<Vec<&Judged>> = judged.iter().map(|change| vec![change]).collect();
        for moment in rehearsed {
            let mut open: Vec<&Judged> = moment.iter().collect();
            for change in &mut moments {
                // Rows of one statement may come in another order.
                if let Some(place) = open.iter().position(|other| other.is_same(change[0])) {
                    change.push(open.remove(place));
                }
            }
            assert!(open.is_empty(), "world {}: the rehearsal went otherwise:\n{sql}", self.seed);
        }
        self.listen(&moments, sql).await
    }
}
