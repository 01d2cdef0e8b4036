"""What streams did not bring: REST does, and confirms what they brought."""
