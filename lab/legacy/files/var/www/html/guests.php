<?php
// A guest book that counts the visits of each guest.
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
const LEDGER_PASSWORD = '@PHP@';
header('Content-Type: text/plain');
echo 'visit ', $_SESSION['visits'], "\n";
