-- Verdicts were made from answers that may have been cut short by a server or a proxy, and from
-- the silence of nobody. Each is asked again by the next run that covers its range.
UPDATE market.gaps
SET next_check_at = checked_at
WHERE verdict IN ('exchange_outage', 'no_data', 'delisted');
