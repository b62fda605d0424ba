// Sends the answer to the application (OAuth 2.0 Form Post Response Mode). Without scripts the button does.
document.getElementById("response-form").requestSubmit();
